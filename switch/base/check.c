#include "switch/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void th_check_failed(const char *condition, const char *file, int line, const char *func)
{
    fprintf(stderr, "check failed: %s (%s:%d, %s)\n", condition, file, line, func);
    abort();
}
