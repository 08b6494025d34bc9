/** Imported before a program: shifts its clock by `CLOCK_SHIFT_MS`. */
const shiftMs = Number(process.env.CLOCK_SHIFT_MS)
const real = Date

globalThis.Date = new Proxy(real, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [real.now() + shiftMs] : given, newTarget),
  get: (target, key) => (key === 'now' ? () => real.now() + shiftMs : Reflect.get(target, key)),
})

process.stdout.write(`clock shifted by ${shiftMs} ms\n`)
