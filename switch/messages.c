/* The kinds of messages that the net sends, and the switch takes. */
#include "switch/base/mem.h"
#include "switch/switch.h"

const struct th_msg_kind th_net_msg_datagrams = {"net.datagrams", th_mem_free};
const struct th_msg_kind th_net_msg_lan = {"net.lan", th_mem_free};
const struct th_msg_kind th_net_msg_moved = {"net.moved", NULL};
const struct th_msg_kind th_net_msg_too_big = {"net.too_big", th_mem_free};
const struct th_msg_kind th_switch_msg_open = {"switch.open", th_mem_free};
const struct th_msg_kind th_switch_msg_channel = {"switch.channel", th_mem_free};
const struct th_msg_kind th_switch_msg_send = {"switch.send", th_mem_free};
const struct th_msg_kind th_switch_msg_result = {"switch.result", th_mem_free};
const struct th_msg_kind th_switch_msg_lines = {"switch.lines", th_mem_free};
const struct th_msg_kind th_switch_msg_channels = {"switch.channels", th_mem_free};
const struct th_msg_kind th_switch_msg_status = {"switch.status", th_mem_free};
const struct th_msg_kind th_switch_msg_mapped = {"switch.mapped", th_mem_free};
const struct th_msg_kind th_switch_msg_advertise = {"switch.advertise", th_mem_free};
const struct th_msg_kind th_switch_msg_punch = {"switch.punch", th_mem_free};
