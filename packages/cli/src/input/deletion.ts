import type { CallOptions, Outlast } from '@outlast/sdk'
import { defineCommand, type Positional } from '../core/command.ts'
import { exitCodes } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { actOnEach } from './each.ts'
import { confirmed } from './prompt.ts'

export const yesFlag = {
  yes: { type: 'boolean', short: 'y', about: 'do not ask for confirmation' },
} as const satisfies Flags

/** Defines a verb that removes resources after a confirmation. */
export function deletion(about: {
  summary: string
  positional: Positional
  question: (label: string) => string
  sentence: (id: string) => string
  remove: (outlast: Outlast, id: string, options: CallOptions) => Promise<unknown>
}) {
  return defineCommand({
    summary: about.summary,
    positionals: [about.positional],
    flags: yesFlag,
    async run(context, { words, flags }) {
      const { outlast, out, io, signal, labelOf } = context
      const labels = words.map(labelOf).join(', ')
      if (!(await confirmed(io, about.question(labels), flags.yes))) return exitCodes.failed
      return actOnEach(context, words, async (id) => {
        await about.remove(outlast, id, { signal })
        await out.done({ id, deleted: true }, about.sentence(id))
      })
    },
  })
}
