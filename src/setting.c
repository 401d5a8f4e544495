#include "setting.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config.h"
#include "option.h"
#include "secret.h"

enum { SECOND = 1, MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void *place(const struct option *option, void *target)
{
	return (char *)target + option->at;
}

static const void *place_const(const struct option *option, const void *target)
{
	return (const char *)target + option->at;
}

static bool bad_number(const struct option *option, const char *text, struct err *err)
{
	if (option->kind == OPTION_DURATION)
		return err_set(err, ERR_USAGE,
			"`%s` takes a time from %ld to %ld seconds, such as 90s, 15m or 2h, not `%s`", option->name,
			option->min, option->max, text);
	return err_set(err, ERR_USAGE, "`%s` takes a number from %ld to %ld, not `%s`", option->name, option->min,
		option->max, text);
}

static bool set_number(const struct option *option, long *value, const char *text, struct err *err)
{
	const char *c = text;
	long number = 0;
	while (*c >= '0' && *c <= '9') {
		if (number > option->max)
			return bad_number(option, text, err);
		number = number * 10 + (*c++ - '0');
	}
	long unit = 1;
	if (c > text && option->kind == OPTION_DURATION && *c != '\0' && c[1] == '\0') {
		unit = *c == 's' ? SECOND : *c == 'm' ? MINUTE : *c == 'h' ? HOUR : *c == 'd' ? DAY : 0;
		if (unit != 0)
			c++;
	}
	if (c == text || *c != '\0' || number > option->max / unit || number * unit < option->min)
		return bad_number(option, text, err);
	*value = number * unit;
	return true;
}

static bool set_choice(const struct option *option, int *value, const char *text, struct err *err)
{
	for (int i = 0; option->choices[i] != NULL; i++)
		if (strcmp(option->choices[i], text) == 0) {
			*value = i;
			return true;
		}
	struct buf words = {0};
	for (int i = 0; option->choices[i] != NULL; i++)
		buf_add_format(&words, "%s%s", i > 0 ? ", " : "", option->choices[i]);
	err_set(err, ERR_USAGE, "`%s` takes one of: %s; not `%s`", option->name, buf_text(&words), text);
	buf_release(&words);
	return false;
}

static bool set_flag(const struct option *option, bool *value, const char *text, struct err *err)
{
	static const char *const yes[] = {"true", "yes", "1"};
	static const char *const no[] = {"false", "no", "0"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*value = strcmp(text, yes[i]) == 0;
			return true;
		}
	return err_set(err, ERR_USAGE, "`%s` takes yes or no, not `%s`", option->name, text);
}

/* Nobody means a quotation mark, or a folder called ~; a shell would have taken them away. */
static bool check_text(const struct option *option, const char *text, struct err *err)
{
	size_t length = strlen(text);
	if (length == 0)
		return err_set(err, ERR_USAGE, "`%s` has no value", option->name);
	for (const char *c = text; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == '\x7f')
			return err_set(
				err, ERR_USAGE, "`%s` holds a line break or another control character", option->name);
	if (length > 1 && (*text == '"' || *text == '\'') && strchr(text + 1, *text) == text + length - 1)
		return err_set(err, ERR_USAGE, "`%s` is written without quotation marks", option->name);
	if (option->kind == OPTION_PATH && (strcmp(text, "~") == 0 || strncmp(text, "~/", 2) == 0))
		return err_set(err, ERR_USAGE, "`%s` needs the whole path: ~ is not replaced here", option->name);
	return option->check == NULL || option->check(text, err) || err_in(err, "`%s`", option->name);
}

static bool has_item(const struct config_list *list, const char *text, size_t length)
{
	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], text, length) == 0 && list->items[i][length] == '\0')
			return true;
	return false;
}

static void add_item(struct config_list *list, const char *text, size_t length)
{
	list->items = mem_grow(list->items, list->count + 2, sizeof(*list->items));
	list->items[list->count++] = mem_copy_n(text, length);
	list->items[list->count] = NULL;
}

/* Header lines and the like may be as good as a secret; wiping all is simpler than telling them apart. */
static void free_items(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		secret_free(list->items[i]);
	free(list->items);
	*list = (struct config_list){0};
}

static bool add_items(const struct option *option, struct config_list *list, const char *text, struct err *err)
{
	const char *between = option->kind == OPTION_LINES ? "\r\n" : option->phrases ? ",\r\n" : ", \t\r\n";
	struct config_list added = {0};
	bool none = false;
	bool said = false;
	bool ok = true;
	for (const char *c = text; ok;) {
		c += strspn(c, between);
		size_t length = strcspn(c, between);
		if (length == 0)
			break;
		const char *item = c;
		c += length;
		while (is_blank(*item)) {
			item++;
			length--;
		}
		while (length > 0 && is_blank(item[length - 1]))
			length--;
		said = said || length > 0;
		if (length == 0 || has_item(list, item, length) || has_item(&added, item, length))
			continue;
		add_item(&added, item, length);
		const char *word = added.items[added.count - 1];
		none = none || (option->none && strcmp(word, "none") == 0);
		ok = none || check_text(option, word, err);
	}
	if (ok && none && list->count + added.count > 1)
		ok = err_set(err, ERR_USAGE, "`%s`: the word none stands alone", option->name);
	if (ok) {
		for (size_t i = 0; !none && i < added.count; i++)
			add_item(list, added.items[i], strlen(added.items[i]));
		if (list->items == NULL)
			list->items = mem_new(1, sizeof(*list->items));
		list->set = true;
		list->blank = !said;
	}
	free_items(&added);
	return ok;
}

bool setting_set(const struct option *option, void *target, const char *text, struct err *err)
{
	void *value = place(option, target);
	if (option_is_list(option))
		return add_items(option, value, text, err);
	if (!check_text(option, text, err))
		return false;
	switch (option->kind) {
	case OPTION_NUMBER:
	case OPTION_DURATION: return set_number(option, value, text, err);
	case OPTION_CHOICE: return set_choice(option, value, text, err);
	case OPTION_FLAG: return set_flag(option, value, text, err);
	default: break;
	}
	char **owned = value;
	secret_free(*owned);
	*owned = mem_copy(text);
	return true;
}

void setting_reset(const struct option *option, void *target)
{
	void *value = place(option, target);
	switch (option->kind) {
	case OPTION_NUMBER:
	case OPTION_DURATION: *(long *)value = 0; break;
	case OPTION_CHOICE: *(int *)value = 0; break;
	case OPTION_FLAG: *(bool *)value = false; break;
	case OPTION_WORDS:
	case OPTION_LINES: free_items(value); break;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL:
		secret_free(*(char **)value);
		*(char **)value = NULL;
		break;
	}
}

void setting_copy(const struct option *option, void *target, const void *from)
{
	setting_reset(option, target);
	void *to = place(option, target);
	const void *value = place_const(option, from);
	switch (option->kind) {
	case OPTION_NUMBER:
	case OPTION_DURATION: *(long *)to = *(const long *)value; break;
	case OPTION_CHOICE: *(int *)to = *(const int *)value; break;
	case OPTION_FLAG: *(bool *)to = *(const bool *)value; break;
	case OPTION_WORDS:
	case OPTION_LINES: {
		const struct config_list *list = value;
		struct config_list *copy = to;
		for (size_t i = 0; i < list->count; i++)
			add_item(copy, list->items[i], strlen(list->items[i]));
		if (list->items != NULL && copy->items == NULL)
			copy->items = mem_new(1, sizeof(*copy->items));
		copy->set = list->set;
		copy->blank = list->blank;
		break;
	}
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL: {
		const char *text = *(char *const *)value;
		*(char **)to = text != NULL ? mem_copy(text) : NULL;
		break;
	}
	}
}

bool setting_is_set(const struct option *option, const void *target)
{
	const void *value = place_const(option, target);
	switch (option->kind) {
	case OPTION_WORDS:
	case OPTION_LINES: return ((const struct config_list *)value)->set;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL: return *(char *const *)value != NULL;
	default: return true;
	}
}

static void show_time(long seconds, struct buf *out)
{
	static const struct {
		long length;
		char letter;
	} units[] = {{DAY, 'd'}, {HOUR, 'h'}, {MINUTE, 'm'}, {SECOND, 's'}};
	size_t i = 0;
	while (seconds % units[i].length != 0 || (seconds == 0 && units[i].length != SECOND))
		i++;
	buf_add_format(out, "%ld%c", seconds / units[i].length, units[i].letter);
}

static void show_list(const struct option *option, const struct config_list *list, struct buf *out)
{
	if (list->count == 0 && option->none)
		buf_add_text(out, "none");
	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->items[i];
		size_t shown = option->hidden ? strcspn(item, "=:") + 1 : strlen(item);
		buf_add_format(out, "%s%.*s%s", i > 0 ? ", " : "", (int)shown, item, option->hidden ? "***" : "");
	}
}

void setting_show(const struct option *option, const void *target, struct buf *out)
{
	const void *value = place_const(option, target);
	switch (option->kind) {
	case OPTION_NUMBER: buf_add_format(out, "%ld", *(const long *)value); break;
	case OPTION_DURATION: show_time(*(const long *)value, out); break;
	case OPTION_CHOICE: buf_add_text(out, option->choices[*(const int *)value]); break;
	case OPTION_FLAG: buf_add_text(out, *(const bool *)value ? "yes" : "no"); break;
	case OPTION_WORDS:
	case OPTION_LINES: show_list(option, value, out); break;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_URL: {
		const char *text = *(char *const *)value;
		if (text == NULL)
			break;
		size_t shown = option->kind == OPTION_URL ? strcspn(text, "?#") : strlen(text);
		if (option->hidden)
			shown = 0;
		buf_add(out, text, shown);
		if (text[shown] != '\0')
			buf_add_format(out, "%s***", option->hidden ? "" : "?");
		break;
	}
	}
}
