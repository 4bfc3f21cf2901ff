#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void newline(json *j)
{
    if (j->flat || j->lists > 0)
        return;
    fputc('\n', j->out);
    for (unsigned i = 0; i < j->depth; i++)
        fputc(' ', j->out);
}

/* What comes before a value or key. */
static void separate(json *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (!j->first)
        fputs(j->lists > 0 && !j->flat ? ", " : ",", j->out);
    if (j->depth > 0)
        newline(j);
    j->first = false;
}

static void begin(json *j, char c)
{
    separate(j);
    fputc(c, j->out);
    j->depth++;
    j->first = true;
}

static void end(json *j, char c)
{
    bool empty = j->first;
    j->depth--;
    if (!empty)
        newline(j);
    fputc(c, j->out);
    j->first = false;
}

void json_begin_object(json *j)
{
    begin(j, '{');
}

void json_end_object(json *j)
{
    end(j, '}');
}

void json_begin_array(json *j)
{
    begin(j, '[');
}

void json_end_array(json *j)
{
    end(j, ']');
}

void json_begin_list(json *j)
{
    begin(j, '[');
    j->lists++;
}

void json_end_list(json *j)
{
    end(j, ']');
    j->lists--;
}

void json_begin_record(json *j)
{
    begin(j, '{');
    j->lists++;
}

void json_end_record(json *j)
{
    end(j, '}');
    j->lists--;
}

/* Length of the valid UTF-8 sequence at p, 0 when it is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static void quoted(json *j, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    fputc('"', j->out);
    for (size_t i = 0; i < n;) {
        size_t len = utf8_length(p + i, n - i);
        if (p[i] == '"' || p[i] == '\\') {
            fputc('\\', j->out);
            fputc(p[i++], j->out);
        } else if (len == 0 && j->replace) {
            fputs("\\ufffd", j->out);
            i++;
        } else if (len == 0 || p[i] < 0x20 || p[i] == 0x7f) {
            fprintf(j->out, "\\u%04x", p[i++]);
        } else {
            fwrite(p + i, 1, len, j->out);
            i += len;
        }
    }
    fputc('"', j->out);
}

void json_begin_text(json *j)
{
    separate(j);
    fputc('"', j->out);
}

void json_more_text(json *j, const char *text)
{
    fputs(text, j->out);
}

void json_end_text(json *j)
{
    fputc('"', j->out);
}

void json_utf8(json *j, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < n;) {
        size_t len = utf8_length(p + i, n - i);
        fwrite(len > 0 ? (const char *)(p + i) : "\xef\xbf\xbd", 1, len > 0 ? len : 3, j->out);
        i += len > 0 ? len : 1;
    }
}

void json_text_n(json *j, const char *text, size_t n)
{
    separate(j);
    quoted(j, text, n);
}

void json_text(json *j, const char *text)
{
    json_text_n(j, text, strlen(text));
}

void json_key_text(json *j, const char *text)
{
    json_text(j, text);
    fputs(j->flat ? ":" : ": ", j->out);
    j->after_key = true;
}

void json_key(json *j, const char *key)
{
    json_key_text(j, key);
}

void json_raw(json *j, const char *text)
{
    separate(j);
    fputs(text, j->out);
}

void json_uint(json *j, uint64_t v)
{
    separate(j);
    fprintf(j->out, "%" PRIu64, v);
}

void json_int(json *j, int64_t v)
{
    separate(j);
    fprintf(j->out, "%" PRId64, v);
}

void json_double(json *j, double v)
{
    separate(j);
    if (isfinite(v))
        fprintf(j->out, "%.17g", v);
    else
        fputs("null", j->out);
}

void json_bool(json *j, bool v)
{
    json_raw(j, v ? "true" : "false");
}

void json_null(json *j)
{
    json_raw(j, "null");
}

void json_put_text(json *j, const char *key, const char *text)
{
    json_key(j, key);
    json_text(j, text);
}

void json_put_uint(json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    json_uint(j, v);
}

void json_put_bool(json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}
