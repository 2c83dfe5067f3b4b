/*
 * check.h - our own mistakes end the process, in every build.
 *
 * Floor:  0.
 * Thread: any.
 */
#ifndef TH_BASE_CHECK_H
#define TH_BASE_CHECK_H

/*
 * Ends the process when a condition does not hold that only a mistake of ours can break: a clock
 * that ran backwards, the wrong thread, a broken invariant. Never for what a peer, an operator or
 * the system can cause.
 */
#define TH_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (!(condition))                                                                          \
            th_check_failed(#condition, __FILE__, __LINE__, __func__);                             \
    } while (0)

/* A result that must be looked at. */
#define TH_MUST __attribute__((warn_unused_result))

/* Prints what failed to stderr and aborts. */
_Noreturn void th_check_failed(const char *condition, const char *file, int line, const char *func);

#endif
