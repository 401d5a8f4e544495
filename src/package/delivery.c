#include "package/delivery.h"

#include <string.h>

bool delivery_check(const char *address, struct err *err)
{
	return *address != '\0' || err_set(err, ERR_USAGE, "it is empty");
}
