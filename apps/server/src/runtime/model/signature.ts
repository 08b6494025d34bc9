import type { EventMessage, ProviderType } from '@outlast/contract'
import { providers } from '../../providers/index.ts'
import type { ModelReply, ReplyPart } from './reply.ts'

/**
 * The provider and model that signed a reply. Other models, and the same model of another account,
 * cannot read its signatures.
 */
export type Signer = { provider_id: string; provider_type: ProviderType; model_id: string }

/** `provider_id` is missing in signatures of earlier versions. */
type Signature = {
  provider: ProviderType
  provider_id?: string
  model: string
  parts: ReplyPart[]
}

/**
 * Serializes a provider's reasoning signatures so that the next call can replay them; undefined
 * without signatures.
 * Contract: only for complete replies.
 */
export function signatureOf({ parts }: ModelReply, signer: Signer): string | undefined {
  const { provider_id, provider_type: provider, model_id: model } = signer
  if (!parts.some((part) => isSigned(part, provider))) return undefined
  return JSON.stringify({ provider, provider_id, model, parts } satisfies Signature)
}

function isSigned({ metadata = {} }: ReplyPart, provider: ProviderType): boolean {
  const { signatures } = providers[provider]
  return Object.values(metadata).some((fields) => signatures.some((name) => fields[name] != null))
}

/**
 * The parts of a message that this model of this provider signed; undefined for every other
 * message. Omits texts without a letter, which vendors refuse, unless they have a signature.
 */
export function signedParts(message: EventMessage, signer: Signer): ReplyPart[] | undefined {
  if (!message.thinking_signature) return undefined
  const signature = JSON.parse(message.thinking_signature) as Signature
  const { provider, provider_id = signer.provider_id, model, parts } = signature
  const isOwn = provider === signer.provider_type && provider_id === signer.provider_id
  if (!isOwn || model !== signer.model_id) return undefined
  return parts.filter((part) => part.type !== 'text' || part.length > 0 || isSigned(part, provider))
}
