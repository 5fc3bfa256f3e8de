"""What an update changes in a generated repository beside the template's files.

One module a release, named after it, as `v0_3_0.py`:

    FROM = "0.1.0"  # the oldest release that it can start from; an older repo is refused
    TO = "0.3.0"    # the release that it leads to

    def answers(old: dict[str, object]) -> dict[str, object]:
        '''Optional: the answers as the new template's questions want them.'''
        return {**old, "ci_host": old["ci"]}

    def migrate(repo: Migration) -> None:
        '''Change the work tree; a second run must change nothing.'''
        repo.move("src/old.py", "src/new.py")
        repo.rename_import("modelkeel.old", "modelkeel.new")

A module runs when the repository comes from before TO and goes to TO or later, in the order of TO.
It runs in a work tree of the update, with the template's changes merged; the user's folder sees the
outcome when all migrations and checks have passed. `modelkeel.update.migrations.Migration` has the
helpers; `repo.refuse(reason)` stops the update and leaves nothing behind.
"""
