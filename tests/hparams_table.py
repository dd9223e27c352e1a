"""What TensorBoard's own backend makes of a folder for its tab HParams."""

from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
)

ALL = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN]


def read(folder):
    """Returns the tags by run, the columns, and the lines."""
    runs = plugin_event_multiplexer.EventMultiplexer()
    runs.AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = data_provider.MultiplexerDataProvider(runs, str(folder))
    context = backend_context.Context(
        base_plugin.TBContext(data_provider=provider, logdir=str(folder))
    )
    found = context.hparams_metadata(RequestContext(), "")
    columns = get_experiment.Handler(
        RequestContext(), context, "", api_pb2.GetExperimentRequest()
    ).run()
    request = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=ALL, slice_size=100
    )
    lines = list_session_groups.Handler(
        RequestContext(), context, "", request
    ).run()
    return found, columns, lines.session_groups
