#include "logging.h"

#include "base/log.h"
#include "config.h"

void logging_warnings(const struct config *config)
{
	for (size_t i = 0; i < config->warnings.count; i++)
		log_line(LOG_WARNING, "configuration", "%s", config->warnings.items[i]);
}

void logging_open(const struct config *config)
{
	enum log_level level = config->verbose ? LOG_DEBUG : LOG_WARNING;
	log_open(config->quiet ? LOG_ERROR : level, config->log_format == CONFIG_LOG_JSON ? LOG_JSON : LOG_TEXT);
	logging_warnings(config);
}
