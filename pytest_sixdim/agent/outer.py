"""What an outer launch leaves in the environment, and would tell a launcher or a rank that it belongs to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: By launcher. Settings that a user may make for good (OMPI_MCA_btl, PADDLE_HOME) are none of these.
PATTERNS = (
    # the agent's own
    r"SIXDIM_\w*",
    # torchrun
    r"PET_\w*|TORCHELASTIC_\w*|(?:LOCAL_|NODE_|GROUP_|ROLE_)?RANK|(?:LOCAL_|GROUP_|ROLE_)?WORLD_SIZE|ROLE_NAME",
    r"MASTER_(?:ADDR|PORT)",
    # msrun
    r"RANK_(?:ID|SIZE)|DEVICE_ID|MS_(?:ROLE|NODE_ID|(?:WORKER|SERVER)_NUM|SCHED_(?:HOST|PORT)|TOPO_TIMEOUT)",
    # paddle.distributed.launch; its options may be given as variables too, and these win
    r"PADDLE_(?:MASTER|DEVICES|NNODES|RUN_MODE|LOG_\w+|SORT_IP|NPROC_PER_NODE|JOB_ID|RANK|RANK_IN_NODE|MAX_RESTART)",
    r"PADDLE_(?:ELASTIC_\w+|(?:SERVER|TRAINER|TRAINERS)_NUM|(?:SERVERS|TRAINERS|TRAINER|CURRENT)_ENDPOINTS?)",
    r"PADDLE_(?:TRAINER_ID|GLOO_PORT|WITH_GLOO|START_PORT|IPS|AUTO_\w+|(?:GLOBAL|LOCAL)_(?:SIZE|RANK)|BACKUP_ENV_PATH)",
    r"PADDLE_DISTRI_BACKEND|FLAGS_selected_\w+",
    # Open MPI, PMIx, MPICH, MVAPICH
    r"OMPI_(?!MCA_|ALLOW_)\w+|OMPI_MCA_(?:orte_|ess)\w*|OMPI_MCA_(?:pmix|initial_wdir|mpi_oversubscribe)",
    r"PMIX_(?!MCA_)\w+|PMI_\w+|MPI_LOCAL(?:RANKID|NRANKS)|HYDI_\w+|MV2_COMM_WORLD_\w+",
    # TensorFlow, JAX
    r"TF_CONFIG|JAX_(?:COORDINATOR_\w+|NUM_PROCESSES|PROCESS_ID)",
)
OUTER = re.compile("|".join(PATTERNS))


def without_outer(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables of an outer launch."""
    return {name: value for name, value in environment.items() if not OUTER.fullmatch(name)}
