import type { ProviderType } from '@outlast/contract'
import { anthropic } from './anthropic.ts'
import { completions } from './completions.ts'
import { google } from './google.ts'
import { responses } from './responses.ts'
import type { Wire } from './wire.ts'

export type WireType = Exclude<ProviderType, 'llmsim'>

/** The wire of every type of provider that has one. */
export const wires: Record<WireType, Wire> = {
  openai: { path: '/v1', model: 'gpt-5-mini', ...responses },
  openai_completions: completions,
  anthropic,
  google,
  // The name of a deployment does not identify its model.
  azure_openai: { path: '', model: 'my-deployment', ...responses },
}

export const wireTypes = Object.keys(wires) as WireType[]
