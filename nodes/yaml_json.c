#include "nodes/yaml_json.h"

#include <yaml.h>

#include "actors/wire/client_json.h"

#define DEPTH_MAX 64

/** Where we are: in each open map or list, how many nodes were written. */
struct writer {
    struct vr_buf *out;
    bool map[DEPTH_MAX];
    uint32_t nodes[DEPTH_MAX];
    int depth; /* -1: outside */
    bool bad;
};

/** What stands between the last node and the next one. A map's even nodes are names. */
static void separate(struct writer *writer)
{
    uint32_t written = 0;

    if (writer->depth < 0) {
        return;
    }
    written = writer->nodes[writer->depth]++;
    if (writer->map[writer->depth] && written % 2 == 1) {
        vr_buf_text(writer->out, ":");
    } else if (written > 0) {
        vr_buf_text(writer->out, ",");
    }
}

static bool is_name(const struct writer *writer)
{
    return writer->depth >= 0 && writer->map[writer->depth] &&
           writer->nodes[writer->depth] % 2 == 1;
}

static bool is_word(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "null") == 0;
}

/** RFC 8259, 6: an integer or a decimal fraction; exponents do not occur in our documents. */
static bool is_number(const char *text)
{
    size_t digits = 0;

    text += text[0] == '-' ? 1 : 0;
    digits = strspn(text, "0123456789");
    if (digits == 0 || (text[0] == '0' && digits > 1)) {
        return false;
    }
    text += digits;
    if (text[0] == '.') {
        digits = strspn(text + 1, "0123456789");
        return digits > 0 && text[1 + digits] == '\0';
    }
    return text[0] == '\0';
}

static void write_scalar(struct writer *writer, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    separate(writer);
    if (strlen(text) != event->data.scalar.length || event->data.scalar.anchor != NULL) {
        writer->bad = true;
    } else if (plain && !is_name(writer) && (is_word(text) || is_number(text))) {
        vr_buf_text(writer->out, text);
    } else if (plain && !is_name(writer) && (text[0] == '\0' || strcmp(text, "~") == 0)) {
        vr_buf_text(writer->out, "null");
    } else {
        vr_json_text(writer->out, text);
    }
}

static void open_node(struct writer *writer, bool map)
{
    separate(writer);
    if (writer->depth + 1 == DEPTH_MAX) {
        writer->bad = true;
        return;
    }
    writer->depth++;
    writer->map[writer->depth] = map;
    writer->nodes[writer->depth] = 0;
    vr_buf_text(writer->out, map ? "{" : "[");
}

static void close_node(struct writer *writer)
{
    vr_buf_text(writer->out, writer->map[writer->depth] ? "}" : "]");
    writer->depth--;
}

/** False at the end of the document. */
static bool write_event(struct writer *writer, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        write_scalar(writer, event);
        break;
    case YAML_MAPPING_START_EVENT:
        open_node(writer, true);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_node(writer, false);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        close_node(writer);
        break;
    case YAML_ALIAS_EVENT:
        writer->bad = true;
        break;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        return false;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        break;
    }
    return !writer->bad;
}

enum vr_err vr_yaml_to_json(struct vr_bytes yaml, struct vr_buf *out)
{
    struct writer writer = {.out = out, .depth = -1};
    yaml_parser_t parser;
    yaml_event_t event;
    bool more = true;

    if (!yaml_parser_initialize(&parser)) {
        return VR_E_NO_MEMORY;
    }
    yaml_parser_set_input_string(&parser, yaml.data, yaml.size);
    while (more) {
        if (!yaml_parser_parse(&parser, &event)) {
            writer.bad = true;
            break;
        }
        more = write_event(&writer, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (writer.bad) {
        return VR_E_BAD_WIRE;
    }
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}
