#include "table/consumer.h"

#include <stddef.h>
#include <string.h>

const struct consumer *consumer_find(const char *name)
{
	for (int i = 0; consumers[i] != NULL; i++)
		if (strcmp(consumers[i]->name, name) == 0)
			return consumers[i];
	return NULL;
}
