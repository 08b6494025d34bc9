export type * from '@outlast/contract'
export type { ChangeEvent } from './client/changes.ts'
export type { ChannelCallOptions, ChannelStreamOptions } from './client/channels.ts'
export type { ImageOptions } from './client/images.ts'
export { createOutlast, type Outlast } from './client/outlast.ts'
export { isOutlastError, OutlastError, TurnFailedError } from './http/error.ts'
export type { ErrorCode, ServerCode, TransportCode, TurnCode } from './http/error-code.ts'
export type { CallOptions, ClientOptions } from './http/http.ts'
export type { List, Page } from './http/page.ts'
export type { ConnectionOptions } from './http/reader.ts'
export type { StreamOptions } from './http/stream.ts'
export { type IssuedToken, tokenFrom } from './http/token-source.ts'
export { createSessionClient, type SessionClient } from './store/session-client.ts'
export type { SessionSnapshot, SessionWaiting } from './store/session-snapshot.ts'
export {
  createSessionStore,
  type SessionActions,
  type SessionStore,
  type SessionStoreOptions,
} from './store/session-store.ts'
export { sharedSessionStore } from './store/shared-stores.ts'
export type { SessionTarget } from './store/store-core.ts'
export type { StoreSendOptions } from './store/store-sending.ts'
export {
  type ArgumentsOf,
  type ClientTool as RunnableTool,
  clientTool,
  type ToolCallContext,
} from './turns/client-tool.ts'
export { type Answer, textOf } from './turns/follow.ts'
export type { OutputOf, OutputSchema } from './turns/output.ts'
export type { SendOptions, SessionHandle } from './turns/session.ts'
export type { StandardSchemaV1 } from './turns/standard-schema.ts'
export { addEvent, emptyTranscript } from './turns/transcript.ts'
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
} from './turns/transcript-items.ts'
export type { Turn, TurnOptions } from './turns/turn.ts'
export { type StepAttempt, type TurnStep, type TurnSteps, turnStepsOf } from './turns/turn-steps.ts'
