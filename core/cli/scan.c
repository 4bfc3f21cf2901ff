#include "scan.h"

#include <stdlib.h>
#include <string.h>

static void blanks(scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

bool scan_mark(scan *s, char mark)
{
    blanks(s);
    if (s->p == s->end || *s->p != mark)
        return false;
    s->p++;
    return true;
}

/* The end of the string that begins here, behind its quote; NULL: there is none. */
static const char *string_end(const scan *s)
{
    if (s->p == s->end || *s->p != '"')
        return NULL;
    for (const char *p = s->p + 1; p < s->end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return NULL;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 0x3f));
    to[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* What stands behind a backslash; *p is on its last character afterwards. */
static size_t unescape(const char **p, const char *end, char *to)
{
    static const char from[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *known = strchr(from, **p);
    char digits[5] = {0};

    if (**p == 'u' && end - *p > 4) {
        memcpy(digits, *p + 1, 4);
        *p += 4;
        return put_utf8(to, (unsigned)strtoul(digits, NULL, 16));
    }
    to[0] = known != NULL && **p != '\0' ? meant[known - from] : **p;
    return 1;
}

char *scan_text(scan *s)
{
    blanks(s);
    const char *end = string_end(s);
    char *text = end != NULL ? malloc((size_t)(end - s->p)) : NULL;
    size_t n = 0;

    if (text == NULL)
        return NULL;
    for (const char *p = s->p + 1; p < end - 1; p++) {
        if (*p != '\\') {
            text[n++] = *p;
            continue;
        }
        p++;
        n += unescape(&p, end, text + n);
    }
    text[n] = '\0';
    s->p = end;
    return text;
}

bool scan_number(scan *s, uint64_t *v)
{
    blanks(s);
    if (s->p == s->end || *s->p < '0' || *s->p > '9')
        return false;
    for (*v = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
        *v = *v * 10 + (uint64_t)(*s->p - '0');
    return true;
}

void scan_skip(scan *s)
{
    size_t depth = 0;

    do {
        blanks(s);
        if (s->p == s->end)
            return;
        if (*s->p == '"') {
            const char *end = string_end(s);
            s->p = end != NULL ? end : s->end;
            continue;
        }
        if (*s->p == '{' || *s->p == '[') {
            depth++;
        } else if (*s->p == '}' || *s->p == ']') {
            depth--;
        } else if (depth == 0) {
            while (s->p < s->end && strchr(",]} \n", *s->p) == NULL)
                s->p++;
            return;
        }
        s->p++;
    } while (depth > 0);
}

char *scan_next(scan *s)
{
    scan_mark(s, ',');
    char *name = scan_text(s);

    if (name != NULL && !scan_mark(s, ':')) {
        free(name);
        return NULL;
    }
    return name;
}

bool scan_member(const scan *s, const char *name, scan *value)
{
    scan at = *s;
    char *found;

    if (!scan_mark(&at, '{'))
        return false;
    while ((found = scan_next(&at)) != NULL) {
        bool same = strcmp(found, name) == 0;
        free(found);
        if (same) {
            *value = at;
            return true;
        }
        scan_skip(&at);
    }
    return false;
}
