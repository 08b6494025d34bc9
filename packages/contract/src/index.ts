export * from './account.ts'
export * from './agent.ts'
export * from './agent-session.ts'
export * from './answer.ts'
export * from './audit.ts'
export * from './auth.ts'
export * from './capability.ts'
export * from './change.ts'
export * from './channel.ts'
export * from './end-user.ts'
export * from './error.ts'
export * from './event.ts'
export {
  CompactionInfo,
  Decider,
  GenerationMetadata,
  HookDecision,
  ModelMetadata,
  OmittedImage,
  ToolCall,
} from './event-parts.ts'
export * from './event-query.ts'
export * from './execution.ts'
export * from './file.ts'
export * from './health.ts'
export * from './id.ts'
export * from './image.ts'
export * from './mcp-server.ts'
export * from './message.ts'
export * from './model.ts'
export * from './model-profile.ts'
export * from './organization.ts'
export * from './question.ts'
export * from './schedule.ts'
export * from './session.ts'
export * from './session-report.ts'
export * from './session-storage.ts'
export * from './session-token.ts'
export * from './shape.ts'
export { ContextItem, OutputError } from './turn-settings.ts'
export * from './usage.ts'
export * from './user.ts'
export * from './worker.ts'
export * from './workflow.ts'
