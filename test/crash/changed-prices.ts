/** Imported before a program: multiplies the prices of its catalogue by `PRICE_FACTOR`. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const factor = Number(process.env.PRICE_FACTOR)
const { readFileSync } = fs

const scaled = (cost: object) =>
  Object.fromEntries(
    Object.entries(cost).map(([name, price]) => [
      name,
      typeof price === 'number' ? price * factor : price,
    ]),
  )

fs.readFileSync = ((...given: Parameters<typeof readFileSync>) => {
  const text = readFileSync(...given)
  if (!String(given[0]).endsWith('/catalogue/models.json')) return text
  const change = (key: string, value: unknown) => (key === 'cost' ? scaled(value as object) : value)
  return JSON.stringify(JSON.parse(String(text), change))
}) as typeof readFileSync
syncBuiltinESMExports()
