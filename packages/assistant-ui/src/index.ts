export { type OutlastRuntimeOptions, useOutlastRuntime } from './use-outlast-runtime.ts'
