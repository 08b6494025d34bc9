import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'

/** Flags that turn a thing on and off. */
export const stateFlags = {
  enable: { type: 'boolean', about: 'lets it be used again' },
  disable: { type: 'boolean', about: 'lets nobody use it' },
} as const satisfies Flags

export const statusOf = ({ enable, disable }: Given<typeof stateFlags>) =>
  enable ? { status: 'active' as const } : disable ? { status: 'disabled' as const } : {}

/** The fields that have a value. */
export const given = <T extends object>(fields: T) =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>

/** A change that says something. Contract: throws a UsageError for an empty one. */
export function changeOf<T extends object>(change: T): T {
  if (Object.keys(change).length === 0) throw new UsageError('Which flag should change it?')
  return change
}
