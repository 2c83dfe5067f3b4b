#include "switch/base/limit.h"

#include "switch/base/check.h"

void th_limit_init(struct th_limit *limit, uint32_t per_s, uint32_t burst, th_ms now)
{
    TH_CHECK(per_s > 0 && burst > 0);
    *limit =
        (struct th_limit){.per_s = per_s, .burst = burst, .milli = burst * 1000ull, .since = now};
}

bool th_limit_take(struct th_limit *limit, th_ms now, uint32_t n)
{
    TH_CHECK(now >= limit->since);

    uint64_t full = limit->burst * 1000ull;
    uint64_t passed = now - limit->since;
    uint64_t room = full - limit->milli;
    limit->milli += passed > room / limit->per_s ? room : passed * limit->per_s;
    limit->since = now;

    if (limit->milli < n * 1000ull)
        return false;
    limit->milli -= n * 1000ull;
    return true;
}
