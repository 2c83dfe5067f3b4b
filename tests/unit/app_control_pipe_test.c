/* A client that carries a stream, as `thctl pipe` does. */
#include "tests/lib/control_bench.h"

#include <errno.h>
#include <sys/syscall.h>

/* libc's, but that every other time there is no room, however soon it is asked again. */
static atomic_bool is_reluctant;
static atomic_uint sends;

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (atomic_load(&is_reluctant) && atomic_fetch_add(&sends, 1) % 2 == 0) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

static size_t receive(int fd, uint8_t *bytes, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = recv(fd, bytes + got, len - got, 0);
        assert_true(n > 0); /* it has stopped */
        got += (size_t)n;
    }
    return got;
}

/* It stopped for ever when what did not fit at first fitted a moment later: room for more was waited for by
 * who had nothing left to send. */
static void stream_goes_on_whenever_its_client_has_room_again(void **state)
{
    (void)state;
    enum { CHUNKS = 200 };
    struct bench *b = open_bench((struct script){.has_line = true, .chunks = CHUNKS});
    uint8_t head[4], bytes[CHUNK_BYTES];
    int fd = connect_to(b);

    say(fd, "pipe.open",
        "{\"hashname\":\"abcd000000000000000000000000000000000000000000000000000000000000\","
        "\"type\":\"_test\"}");
    atomic_store(&is_reluctant, true);
    json_t *opened = hear(fd);
    assert_non_null(json_object_get(opened, "result"));
    json_decref(opened);
    for (unsigned i = 0; i < CHUNKS; i++) {
        receive(fd, head, sizeof head);
        assert_int_equal(head[2] << 8 | head[3], CHUNK_BYTES);
        receive(fd, bytes, sizeof bytes);
    }
    receive(fd, head, sizeof head);
    assert_int_equal(head[0] | head[1] | head[2] | head[3], 0); /* the end */
    atomic_store(&is_reluctant, false);
    close(fd);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_goes_on_whenever_its_client_has_room_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
