import type { CapabilityUse } from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'

export const capabilityFlag = {
  capability: {
    type: 'string',
    short: 'c',
    multiple: true,
    value: 'REF[=JSON]',
    about: 'capability, with its config as JSON',
  },
} as const satisfies Flags

/** Parses `--capability current_time={"timezone":"UTC"}`. Contract: UsageError for invalid JSON. */
export function usesOf(given: readonly string[]): CapabilityUse[] {
  return given.filter((one) => one !== '').map(useOf)
}

function useOf(text: string): CapabilityUse {
  const at = text.indexOf('=')
  if (at < 0) return { ref: text }
  const ref = text.slice(0, at)
  try {
    return { ref, config: JSON.parse(text.slice(at + 1)) }
  } catch {
    throw new UsageError(
      `--capability ${ref}: the config after = must be JSON, as in ${ref}='{"a": 1}'.`,
    )
  }
}

/** List of a repeated flag, undefined without it. One empty value makes an empty list. */
export const listIfGiven = (given: readonly string[]) =>
  given.length === 0 ? undefined : given.filter((one) => one !== '')
