import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'

/** Flags that enable and disable a resource. */
export const stateFlags = {
  enable: { type: 'boolean', about: 'enable it' },
  disable: { type: 'boolean', about: 'disable it' },
} as const satisfies Flags

export const statusOf = ({ enable, disable }: Given<typeof stateFlags>) =>
  enable ? { status: 'active' as const } : disable ? { status: 'disabled' as const } : {}

/** Fields that have a value. */
export const given = <T extends object>(fields: T) =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>

/** Contract: throws a UsageError for a change without fields. */
export function changeOf<T extends object>(change: T): T {
  if (Object.keys(change).length === 0)
    throw new UsageError('Nothing to change: pass at least one flag. --help lists them.')
  return change
}
