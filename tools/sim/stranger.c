#include "tools/sim/stranger.h"

size_t th_sim_stranger_open(const struct th_world_node *to, uint8_t bytes[TH_OPEN_MAX])
{
    struct th_world *world = to->world;
    int64_t at = TH_WORLD_EPOCH + (int64_t)world->now;
    uint8_t seed[TH_KEY_BYTES];
    struct th_identity sender;
    struct th_keypair line_keys;
    struct th_line_id line;
    size_t len;

    th_rng_fill(&world->rng, seed, sizeof seed);
    th_identity_make_of(&sender, to->id.cipher, seed);
    th_rng_fill(&world->rng, seed, sizeof seed);
    to->id.cipher->keypair(&line_keys, seed);
    th_rng_fill(&world->rng, &line, sizeof line);
    TH_CHECK(th_open_write(bytes, TH_OPEN_MAX, &len, to->id.cipher, &sender, &line_keys, &line, at,
                           &to->id.hashname, &to->id.keys.pub) == TH_OK);
    th_identity_clear(&sender);
    return len;
}
