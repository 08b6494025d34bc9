import type { ModelProfile } from '@outlast/contract'
import type { ModelCallOptions } from '../../providers/provider.ts'

export type Effort = NonNullable<ModelCallOptions['reasoning']>

/** From the least to the most. */
const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

/**
 * Returns the supported effort nearest to the requested one; `none` only if requested. Undefined
 * leaves the effort to the model: for models without thinking, for unknown values, and for `none`
 * if the efforts of the model are unknown.
 */
export function effortFor(
  profile: ModelProfile | undefined,
  wanted: string | null | undefined,
): Effort | undefined {
  const at = efforts.indexOf(wanted as (typeof efforts)[number])
  if (at < 0 || profile?.reasoning === false) return undefined
  const known = profile?.reasoning_effort?.values.map(({ value }) =>
    efforts.indexOf(value as never),
  )
  const possible = known?.filter((index) => index >= Math.min(at, 1)) ?? []
  if (possible.length === 0) return at === 0 ? undefined : efforts[at]
  const distance = (index: number) => Math.abs(index - at)
  return efforts[
    possible.reduce((best, index) => (distance(index) < distance(best) ? index : best))
  ]
}
