import type { Context, Given } from '../core/command.ts'
import type { Flags } from '../core/flags.ts'
import { readSecret } from './prompt.ts'

/** How a third-party key is passed: never as an argument, which process lists show. */
export const vendorKeyFlag = {
  'api-key-stdin': {
    type: 'boolean',
    about: 'read its API key from stdin, or prompt on a terminal',
  },
} as const satisfies Flags

/** Reads the key as a field of the request. */
export async function vendorKey(
  context: Context,
  flags: Given<typeof vendorKeyFlag>,
): Promise<{ api_key?: string }> {
  if (flags['api-key-stdin']) return { api_key: await readSecret(context, 'API key') }
  if (context.given['api-key'] !== undefined) {
    context.out.note(
      'Note: --api-key signs you in to Outlast. --api-key-stdin reads a third-party key.',
    )
  }
  return {}
}
