import { wantedForm } from './accept.js';
import type { App } from './app-types.js';

/** Declares routes that have JSON to give and no Table: who takes neither it nor anything gets a 406, once he is let in. */
export function jsonRoutes(app: App, declare: (scope: App) => void): void {
  void app.register((scope: App, _options, done) => {
    scope.addHook('preHandler', (request, _reply, next) => {
      wantedForm(request.headers.accept, { hasTable: false });
      next();
    });
    declare(scope);
    done();
  });
}
