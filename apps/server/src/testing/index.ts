/** `outlast/testing`: tests of a project's tools and agents. */
export { type CassetteOptions, cassette } from './cassette.ts'
export type { ModelMessage, ModelReply, ModelRequest } from './chat-wire.ts'
export { runTool } from './run-tool.ts'
export {
  type ModelErrorName,
  type ModelStep,
  type ModelStepFunction,
  type ScriptedModelOptions,
  scriptedModel,
} from './scripted-model.ts'
export type { TestModel } from './test-model.ts'
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts'
export { type RunToolOptions, ToolCallError, type ToolRunResult } from './tool-run.ts'
export type { UntilOptions } from './until.ts'
