/** Outlast as the server of the AI SDK's chats. */
export type { TurnMetadata, UIChunk, UIMessageOf, UIPart } from '@outlast/contract/folds/ai-sdk'
export { sendWhenAnswered } from './answered.ts'
export { toUIMessageStream, toUIMessageStreamResponse, toUIMessages } from './convert.ts'
export { OutlastChatTransport, stopChat, type TransportOptions } from './transport.ts'
