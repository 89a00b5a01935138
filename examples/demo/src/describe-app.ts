import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { AppStage, type AppUnderTest, checksOf } from './conformance.ts'

/**
 * Runs the app in two regions of a lab, and sees to everything that flyroute promises it.
 *
 * @returns the stage that the tests have, for more of them
 */
export function describeApp(app: AppUnderTest): () => AppStage {
  let stage: AppStage
  beforeAll(async () => {
    stage = await AppStage.open(app)
  }, 90_000)
  afterAll(() => stage?.[Symbol.asyncDispose]())
  describe(app.folder, () => {
    test.each(checksOf(app))('%s', async (_, check) => check(stage))
  })
  return () => stage
}
