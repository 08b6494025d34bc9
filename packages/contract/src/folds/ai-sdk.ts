/** Folds of a session's log into the UI messages and the message stream of the AI SDK. */
export * from './ai-sdk-chunks.ts'
export * from './ai-sdk-messages.ts'
export * from './ai-sdk-turn.ts'
