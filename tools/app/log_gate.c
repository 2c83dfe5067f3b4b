#include "tools/app/log_gate.h"

#include <stdio.h>
#include <string.h>

void th_log_gate_init(struct th_log_gate *gate, th_ms now)
{
    *gate = (struct th_log_gate){.told_at = now};
    for (unsigned i = 0; i < TH_LOG_LEVELS; i++)
        th_limit_init(&gate->limit[i], TH_LOG_PER_S, TH_LOG_BURST, now);
}

static void tell_repeats(struct th_log_gate *gate, struct th_log_note *note)
{
    if (gate->repeats == 0)
        return;
    note->level = gate->level;
    snprintf(note->text, sizeof note->text, "last line repeated %u times", gate->repeats);
    gate->repeats = 0;
}

static void tell_suppressed(struct th_log_gate *gate, enum th_log_level level,
                            struct th_log_note *note)
{
    if (gate->suppressed[level] == 0)
        return;
    note->level = level;
    snprintf(note->text, sizeof note->text, "suppressed lines=%llu level=%s",
             (unsigned long long)gate->suppressed[level], th_log_level_name(level));
    gate->suppressed[level] = 0;
}

static bool is_last(const struct th_log_gate *gate, enum th_log_level level, const char *topic,
                    const char *text)
{
    return gate->level == level && strcmp(gate->text, text) == 0 && gate->text[0] != '\0' &&
           strncmp(gate->topic, topic, sizeof gate->topic - 1) == 0;
}

bool th_log_gate_pass(struct th_log_gate *gate, th_ms now, enum th_log_level level,
                      const char *topic, const char *text, struct th_log_notes *notes)
{
    *notes = (struct th_log_notes){.repeated.text = ""};
    if (is_last(gate, level, topic, text)) {
        gate->repeats++;
        if (now - gate->told_at >= TH_LOG_REPEAT_MS) {
            tell_repeats(gate, &notes->repeated);
            gate->told_at = now;
        }
        return false;
    }
    if (!th_limit_take(&gate->limit[level], now, 1)) {
        gate->suppressed[level]++;
        return false;
    }
    tell_repeats(gate, &notes->repeated);
    tell_suppressed(gate, level, &notes->suppressed);
    gate->level = level;
    gate->told_at = now;
    snprintf(gate->topic, sizeof gate->topic, "%s", topic);
    snprintf(gate->text, sizeof gate->text, "%s", text);
    return true;
}

void th_log_gate_miss(struct th_log_gate *gate, enum th_log_level level)
{
    gate->suppressed[level]++;
}

void th_log_gate_end(struct th_log_gate *gate, struct th_log_notes *notes)
{
    *notes = (struct th_log_notes){.repeated.text = ""};
    tell_repeats(gate, &notes->repeated);
    for (enum th_log_level level = TH_LOG_ERROR; level <= TH_LOG_DEBUG; level++)
        if (notes->suppressed.text[0] == '\0')
            tell_suppressed(gate, level, &notes->suppressed);
}
