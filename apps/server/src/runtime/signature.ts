import type { EventMessage, ProviderType } from '@outlast/contract'
import { providers } from '../providers/index.ts'
import type { Reply, ReplyPart } from './reply.ts'

/** Whose reply it is: nobody else can read what a vendor signed. */
export type Signer = { provider_type: ProviderType; model_id: string }

type Signature = { provider: ProviderType; model: string; parts: ReplyPart[] }

/**
 * What a vendor must be shown again to go on from its own thinking, as one opaque text; undefined when it signed nothing.
 * Contract: only for whole replies.
 */
export function signatureOf({ parts }: Reply, signer: Signer): string | undefined {
  const { provider_type: provider, model_id: model } = signer
  const { signatures } = providers[provider]
  const isSigned = parts.some(({ metadata = {} }) =>
    Object.values(metadata).some((fields) => signatures.some((name) => fields[name] != null)),
  )
  return isSigned ? JSON.stringify({ provider, model, parts } satisfies Signature) : undefined
}

/** The parts of a message that this vendor's model signed; undefined for every other message. */
export function signedParts(message: EventMessage, signer: Signer): ReplyPart[] | undefined {
  if (!message.thinking_signature) return undefined
  const { provider, model, parts } = JSON.parse(message.thinking_signature) as Signature
  return provider === signer.provider_type && model === signer.model_id ? parts : undefined
}
