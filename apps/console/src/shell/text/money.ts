/** An amount in US dollars with as many digits as its size needs: `$12.50`, `$0.000035`. */
export function dollarsText(amount: number): string {
  const size = Math.abs(amount)
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.001 ? 4 : 6
  return `${amount < 0 ? '-' : ''}$${size.toFixed(digits)}`
}

/** The cost of model calls; `unknown` if no price is known. */
export const costText = (cost: number | null | undefined) =>
  cost == null ? 'unknown' : dollarsText(cost)

const short = new Intl.NumberFormat('en', {
  style: 'currency',
  currency: 'USD',
  maximumSignificantDigits: 2,
})
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** An amount in US dollars with two digits, for rows that are only compared: `$0.0059`. */
export const shortDollars = (amount: number) => short.format(amount)

/** A number of tokens in a few characters: `2.6K`. */
export const shortCount = (count: number) => compact.format(count)
