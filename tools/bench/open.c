/*
 * open.c - open_rate: handshakes that a switchboard answers in a second of CPU, one core.
 *
 * Each open is valid and of a node never heard of before: nothing can be kept from one for another.
 * The bound is what libsodium takes alone for what no implementation can leave out:
 *
 *     1  key pair: of our half of the line
 *     4  X25519: own static   * their line key    to decrypt their open
 *                own static   * their static key  to check its MAC, and kept to make ours
 *                own line key * their static key  to encrypt our open
 *                own line key * their line key    for the keys of the line
 */
#include "switch/base/mem.h"
#include "switch/core/switchboard.h"
#include "switch/wire/open.h"
#include "tools/bench/bench.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

enum { OPENS = 1000, SHARED_SECRETS = 4, START_MS = 1000000 };

static const th_epoch_ms start_wall = 1400000000000;

struct sealed {
    size_t len;
    uint8_t bytes[TH_OPEN_MAX];
};

struct open_bench {
    struct th_rng rng;
    struct th_identity self;
    struct sealed opens[OPENS];
};

static double cpu_s(void)
{
    struct timespec t;

    TH_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the opens ------------------------------------------------------------------------------------ */

static bool seal(struct open_bench *b, struct sealed *out)
{
    const struct th_cipher *cipher = th_cipher_find(TH_CS3A);
    uint8_t seed[TH_KEY_BYTES];
    struct th_identity from;
    struct th_keypair keys;
    struct th_line_id line;

    th_rng_fill(&b->rng, seed, sizeof seed);
    th_identity_make(&from, seed);
    th_rng_fill(&b->rng, seed, sizeof seed);
    cipher->keypair(&keys, seed);
    th_rng_fill(&b->rng, &line, sizeof line);
    return th_open_write(out->bytes, sizeof out->bytes, &out->len, cipher, &from, &keys, &line,
                         start_wall, &b->self.hashname, &b->self.keys.pub) == TH_OK;
}

/* --- rounds --------------------------------------------------------------------------------------- */

/* Handshakes answered in a second; 0 when not all of them were. */
static double open_round(struct open_bench *b)
{
    struct th_now now = {.mono = START_MS, .wall = start_wall};
    struct th_switchboard_config config = {.identity = &b->self};
    struct th_switchboard *board = th_switchboard_new(&config, &b->rng, now);
    unsigned answered = 0;

    if (board == NULL)
        return 0;
    double began = cpu_s();
    for (unsigned i = 0; i < OPENS; i++) {
        struct th_addr from = {
            .ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 42424, .family = TH_FAMILY_IPV4};
        struct th_action action;

        now.mono++; /* as fast as the limit on opens allows: it is not what is measured */
        now.wall++;
        th_switchboard_on_datagram(board, now, &from,
                                   (struct th_bytes){b->opens[i].bytes, b->opens[i].len});
        while (th_switchboard_next(board, &action))
            answered += action.kind == TH_ACTION_SEND;
    }
    double took = cpu_s() - began;
    th_switchboard_free(board);
    return answered == OPENS && took > 0 ? OPENS / took : 0;
}

/* As many of the unavoidable in a second; 0 when libsodium refuses a key. */
static double bound_round(struct open_bench *b)
{
    uint8_t seed[TH_KEY_BYTES], pub[TH_KEY_BYTES], secret[TH_KEY_BYTES], shared[TH_KEY_BYTES];
    bool is_ok = true;

    th_rng_fill(&b->rng, seed, sizeof seed);
    double began = cpu_s();
    for (unsigned i = 0; i < OPENS; i++) {
        memcpy(seed, &i, sizeof i);
        is_ok &= crypto_box_seed_keypair(pub, secret, seed) == 0;
        for (unsigned k = 0; k < SHARED_SECRETS; k++)
            is_ok &= crypto_scalarmult(shared, secret, pub) == 0;
    }
    double took = cpu_s() - began;
    sodium_memzero(secret, sizeof secret);
    return is_ok && took > 0 ? OPENS / took : 0;
}

static bool take(struct th_bench *bench, struct open_bench *b)
{
    struct th_samples opens = {0}, bounds = {0};
    struct th_figure figure = {.suite = "packets",
                               .name = "open_rate",
                               .what = "handshakes answered, one core",
                               .unit = "1/s",
                               .reference = "libsodium alone: 1 key pair, 4 X25519",
                               .goal = 0.9};
    bool is_ok = true;

    for (unsigned i = 0; is_ok && i < bench->rounds; i++) {
        double rate = open_round(b), bound = bound_round(b);

        is_ok = rate > 0 && bound > 0 && th_samples_add(&opens, rate) == TH_OK &&
                th_samples_add(&bounds, bound) == TH_OK;
    }
    if (is_ok) {
        th_figure_fill(&figure, &opens, &bounds);
        th_bench_tell(bench, &figure);
    } else {
        th_bench_note("open_rate: not all opens were answered");
    }
    th_samples_clear(&opens);
    th_samples_clear(&bounds);
    return is_ok;
}

bool th_bench_open(struct th_bench *bench)
{
    struct open_bench *b = th_mem_zalloc(1, sizeof *b);
    uint8_t seed[TH_RNG_SEED_BYTES];
    bool is_ok = b != NULL;

    if (b == NULL)
        return false;
    randombytes_buf(seed, sizeof seed);
    th_rng_init(&b->rng, seed);
    th_rng_fill(&b->rng, seed, sizeof seed);
    th_identity_make(&b->self, seed);
    for (unsigned i = 0; is_ok && i < OPENS; i++)
        is_ok = seal(b, &b->opens[i]);
    is_ok = is_ok && take(bench, b);
    th_mem_free(b);
    return is_ok;
}
