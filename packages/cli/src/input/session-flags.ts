import type { Flags } from '../core/flags.ts'

export const namingFlags = {
  title: { type: 'string', value: 'TEXT', about: 'title' },
  tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'tag' },
} as const satisfies Flags

export const modelFlag = {
  model: { type: 'string', short: 'm', value: 'MODEL', about: 'model of its turns (id or name)' },
} as const satisfies Flags
