export type * from '@outlast/contract'
export type { ChangeEvent } from './changes.ts'
export type { ChannelCallOptions, ChannelStreamOptions } from './channels.ts'
export {
  type ArgumentsOf,
  type ClientTool as RunnableTool,
  clientTool,
  type ToolCallContext,
} from './client-tool.ts'
export { isOutlastError, OutlastError, TurnFailedError } from './error.ts'
export type { ErrorCode, ServerCode, TransportCode, TurnCode } from './error-code.ts'
export { type Answer, textOf } from './follow.ts'
export type { CallOptions, ClientOptions } from './http.ts'
export type { ImageOptions } from './images.ts'
export { createOutlast, type Outlast } from './outlast.ts'
export type { OutputOf, OutputSchema } from './output.ts'
export type { List, Page } from './page.ts'
export type { ConnectionOptions } from './reader.ts'
export type { SendOptions, SessionHandle } from './session.ts'
export { createSessionClient, type SessionClient } from './session-client.ts'
export type { SessionSnapshot, SessionWaiting } from './session-snapshot.ts'
export {
  createSessionStore,
  type SessionActions,
  type SessionStore,
  type SessionStoreOptions,
} from './session-store.ts'
export { sharedSessionStore } from './shared-stores.ts'
export type { StandardSchemaV1 } from './standard-schema.ts'
export type { SessionTarget } from './store-core.ts'
export type { StoreSendOptions } from './store-sending.ts'
export type { StreamOptions } from './stream.ts'
export { type IssuedToken, tokenFrom } from './token-source.ts'
export { addEvent, emptyTranscript } from './transcript.ts'
export {
  type AgentMessage,
  itemsOf,
  type Notice,
  type ToolApproval,
  type ToolCallItem,
  type ToolStatus,
  type Transcript,
  type TranscriptItem,
  type UserMessage,
  type WritingCall,
} from './transcript-items.ts'
export type { Turn, TurnOptions } from './turn.ts'
export { type StepAttempt, type TurnStep, type TurnSteps, turnStepsOf } from './turn-steps.ts'
