export { type Classifier, type ClassifierOptions, createClassifier } from './classifier.ts'
export { classify } from './classify.ts'
export { isServersOwn } from './effects.ts'
export { type ClassificationExplanation, explainClassification, type StatementExplanation } from './explain.ts'
export { createStatementMemory, type StatementMemory } from './memory.ts'
export type {
  Access,
  Analysis,
  Classification,
  ClassifyOptions,
  Dialect,
  FunctionNames,
  Leaves,
  PreparedStep,
  TransactionControl,
} from './types.ts'
