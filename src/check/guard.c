#include "check/guard.h"

#include <inttypes.h>

static bool too_many_gone(const struct guard_file *file)
{
	if (file->limit >= GUARD_WHOLE || file->old_rows == 0)
		return false;
	if (file->old_rows < GUARD_SMALL)
		return file->table->core && file->gone == file->old_rows;
	/* As a fraction: the product would pass 64 bits for absurd numbers only, and those are cut off long before. */
	return file->gone * GUARD_WHOLE > file->old_rows * (uint64_t)file->limit;
}

enum guard_verdict guard_judge(const struct guard_file *file)
{
	if (file->new_rows < file->floor)
		return GUARD_FLOOR;
	if (!too_many_gone(file))
		return GUARD_FINE;
	return file->churned * 2 > file->gone ? GUARD_IDS : GUARD_DROP;
}

bool guard_explain(const struct guard_file *file, struct err *err)
{
	const char *name = file->table->file_name;
	int limit = file->limit;
	if (file->verdict == GUARD_FLOOR)
		return err_set(err, ERR_GUARD, "%s has %" PRIu64 " rows, fewer than the %" PRIu64 " of min-rows", name,
			file->new_rows, file->floor);
	if (file->absent)
		return err_set(err, ERR_GUARD,
			"%s had %" PRIu64 " rows and is not in the bundle any more; a receiver may take them all "
			"for deleted, and max-drop allows %.4g %%",
			name, file->old_rows, (double)limit / 100);
	err_set(err, ERR_GUARD,
		"%s had %" PRIu64 " rows and has %" PRIu64 " now; %" PRIu64 " of the old are gone, %.4g %%; max-drop "
		"allows %.4g %%",
		name, file->old_rows, file->new_rows, file->gone, 100.0 * (double)file->gone / (double)file->old_rows,
		(double)limit / 100);
	if (file->verdict == GUARD_IDS)
		err_hint(err,
			"%" PRIu64
			" of them came back under another sourcedId: the ids have changed, and a receiver would "
			"delete the old accounts and make new ones",
			file->churned);
	return false;
}

const char *guard_word(enum guard_verdict verdict)
{
	static const char *const words[] = {
		[GUARD_FINE] = "fine", [GUARD_FLOOR] = "floor", [GUARD_DROP] = "drop", [GUARD_IDS] = "ids"};
	return words[verdict];
}
