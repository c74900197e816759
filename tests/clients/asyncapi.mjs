// Prints the faults of an AsyncAPI document; 1 where there is one.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [, , folder, file] = process.argv;
const { Parser } = createRequire(`${folder}/package.json`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const faults = diagnostics.filter((one) => one.severity < 2);
for (const one of faults) console.log(one.path.join("."), one.message);
process.exit(document && !faults.length ? 0 : 1);
