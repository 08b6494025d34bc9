import type { TokenUsage } from '@outlast/contract'

/**
 * Units in one of each currency. Amounts of budgets are whole numbers of units, so that sums are
 * exact: a token of the priced model costs whole millionths of a dollar.
 */
const unitsIn = { tokens: 1, usd: 1_000_000 } as const

export type Currency = keyof typeof unitsIn

export const currencies = Object.keys(unitsIn) as Currency[]

export const toUnits = (currency: Currency, amount: number) =>
  Math.round(amount * unitsIn[currency])
export const fromUnits = (currency: Currency, units: number) => units / unitsIn[currency]

export const inWords = (currency: Currency, units: number) =>
  `${fromUnits(currency, units)} ${currency}`

/** A model of the catalogue, with its prices in dollars per million tokens. */
export const pricedModel = { name: 'o3', input: 2, output: 8 }

/** The units that a budget counts for a model call: tokens at list prices. */
export const unitsOf: Record<Currency, (usage: TokenUsage, model: string) => number> = {
  tokens: ({ input_tokens, output_tokens }) => input_tokens + output_tokens,
  // Models in the process of a node are free.
  usd: ({ input_tokens, output_tokens }, model) =>
    model === pricedModel.name
      ? input_tokens * pricedModel.input + output_tokens * pricedModel.output
      : 0,
}
