import type { EventMessage, ProviderType } from '@outlast/contract'
import { providers } from '../../providers/index.ts'
import type { ModelReply, ReplyPart } from './reply.ts'

/** The provider type and model that signed a reply. Other models cannot read its signatures. */
export type Signer = { provider_type: ProviderType; model_id: string }

type Signature = { provider: ProviderType; model: string; parts: ReplyPart[] }

/**
 * Serializes a provider's reasoning signatures so that the next call can replay them; undefined
 * without signatures.
 * Contract: only for complete replies.
 */
export function signatureOf({ parts }: ModelReply, signer: Signer): string | undefined {
  const { provider_type: provider, model_id: model } = signer
  if (!parts.some((part) => isSigned(part, provider))) return undefined
  return JSON.stringify({ provider, model, parts } satisfies Signature)
}

function isSigned({ metadata = {} }: ReplyPart, provider: ProviderType): boolean {
  const { signatures } = providers[provider]
  return Object.values(metadata).some((fields) => signatures.some((name) => fields[name] != null))
}

/**
 * The parts of a message that this model signed; undefined for every other message. Omits texts
 * without a letter, which vendors refuse, unless they have a signature.
 */
export function signedParts(message: EventMessage, signer: Signer): ReplyPart[] | undefined {
  if (!message.thinking_signature) return undefined
  const { provider, model, parts } = JSON.parse(message.thinking_signature) as Signature
  if (provider !== signer.provider_type || model !== signer.model_id) return undefined
  return parts.filter((part) => part.type !== 'text' || part.length > 0 || isSigned(part, provider))
}
