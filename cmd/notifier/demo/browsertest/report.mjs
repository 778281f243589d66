// What a script tells the Go test: one line of JSON with the checks that held, or the first that did not.

export const report = { ok: false, checks: [] };

export async function check(name, test) {
  const start = performance.now();
  try {
    await test();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  report.checks.push(`${name} (${Math.round(performance.now() - start)} ms)`);
}

/** Keeps a screenshot where SHOTS names a folder. */
export async function shoot({ page }, name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}

/** Runs a script to its end, which must close its browser; of a failure it tells what the windows' consoles said. */
export async function tell(windows, main) {
  try {
    await main();
    report.ok = true;
  } catch (error) {
    report.error = error.message;
    report.faults = windows.flatMap((window) => window.faults);
  }
  console.log(JSON.stringify(report));
  process.exitCode = report.ok ? 0 : 1;
}
