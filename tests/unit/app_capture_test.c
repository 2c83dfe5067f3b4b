#include "tools/app/ctl_capture.h"

#include <string.h>

#include "tests/lib/test_cmocka.h"

/* The comment of a packet of a channel, whose head is that text, when so many bytes are there already
 * and the daemon kept only the first `kept` of the packet. */
static void comment_of(char text[TH_CAPTURE_COMMENT_MAX], const char *head, size_t before,
                       size_t kept)
{
    json_t *row = json_pack("{s:i}", "c", 1);
    uint8_t packet[2048] = {(uint8_t)(strlen(head) >> 8), (uint8_t)strlen(head)};

    memcpy(packet + 2, head, strlen(head));
    memset(text, '.', before);
    text[before] = '\0';
    th_capture_add_head(text, row, (struct th_bytes){packet, kept});
    json_decref(row);
}

static void head_is_there_as_it_was_sent(void **state)
{
    (void)state;
    char text[TH_CAPTURE_COMMENT_MAX];
    const char *head = "{\"c\":1,\"to\":\"\u00fc\u20ac\"}";

    comment_of(text, head, 1, 2 + strlen(head));
    assert_string_equal(text, ". head={\"c\":1,\"to\":\"\u00fc\u20ac\"}");
}

/* Wireshark wants comments in UTF-8, and a head is what its sender likes. */
static void head_is_cut_between_characters(void **state)
{
    (void)state;
    char text[TH_CAPTURE_COMMENT_MAX];
    const char *head = "\u20ac\u20ac\u20ac";

    for (size_t cut = 0; cut < 3; cut++) {
        comment_of(text, head, 0, 2 + 6 + cut); /* cut by --snap */
        assert_string_equal(text, " head=\u20ac\u20ac");

        size_t before = TH_CAPTURE_COMMENT_MAX - 1 - strlen(" head=") - 6 - cut; /* by the room */
        comment_of(text, head, before, 2 + strlen(head));
        assert_string_equal(text + before, " head=\u20ac\u20ac");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_is_there_as_it_was_sent),
        cmocka_unit_test(head_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
