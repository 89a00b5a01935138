import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Module } from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import type { Response } from 'express'
import { DatabaseModule } from './database.module'
import { PostsController } from './posts.controller'
import { PostsService } from './posts.service'

/** Answers every error in its own way, a refusal as well. */
@Catch()
class EveryError implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500
    const response = host.switchToHttp().getResponse<Response>()
    response.status(status).json({ error: error instanceof HttpException ? error.message : 'Something went wrong.' })
  }
}

@Module({
  imports: [DatabaseModule],
  controllers: [PostsController],
  providers: [PostsService, { provide: APP_FILTER, useClass: EveryError }],
})
export class AppModule {}
