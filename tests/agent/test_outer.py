"""What a run does not inherit of a launch that pytest itself is part of."""

from __future__ import annotations

import pytest

from pytest_sixdim.agent.outer import without_outer

#: As found in the environment of a rank: torch 2.13, MindSpore 2.10, PaddlePaddle 3.3, Open MPI 4.1.
OF_RANKS = {
    "torchrun": "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK GROUP_WORLD_SIZE ROLE_RANK ROLE_WORLD_SIZE "
    "ROLE_NAME MASTER_ADDR MASTER_PORT TORCHELASTIC_RUN_ID PET_NPROC_PER_NODE NODE_RANK",
    "msrun": "RANK_ID RANK_SIZE DEVICE_ID MS_ROLE MS_NODE_ID MS_WORKER_NUM MS_SCHED_HOST MS_SCHED_PORT MS_TOPO_TIMEOUT",
    "paddle": "PADDLE_MASTER PADDLE_GLOBAL_SIZE PADDLE_LOCAL_SIZE PADDLE_GLOBAL_RANK PADDLE_LOCAL_RANK PADDLE_NNODES "
    "PADDLE_CURRENT_ENDPOINT PADDLE_TRAINER_ID PADDLE_TRAINERS_NUM PADDLE_RANK_IN_NODE PADDLE_AUTO_CLUSTER "
    "PADDLE_TRAINER_ENDPOINTS PADDLE_DISTRI_BACKEND PADDLE_LOG_DIR PADDLE_BACKUP_ENV_PATH PADDLE_MAX_RESTART "
    "PADDLE_NPROC_PER_NODE PADDLE_ELASTIC_LEVEL FLAGS_selected_gpus",
    "mpirun": "OMPI_APP_CTX_NUM_PROCS OMPI_COMMAND OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_LOCAL_RANK OMPI_UNIVERSE_SIZE "
    "OMPI_MCA_ess OMPI_MCA_ess_base_jobid OMPI_MCA_orte_hnp_uri OMPI_MCA_orte_launch OMPI_MCA_pmix PMIX_RANK "
    "PMIX_NAMESPACE PMIX_SERVER_URI21 PMI_RANK PMI_FD MPI_LOCALRANKID MPI_LOCALNRANKS MV2_COMM_WORLD_RANK",
    "others": "TF_CONFIG JAX_COORDINATOR_ADDRESS JAX_NUM_PROCESSES JAX_PROCESS_ID SIXDIM_RUN SIXDIM_NODE",
}
SETTINGS = (
    "PATH HOME AWS_ROLE_ARN MY_RANK RANK_TABLE_FILE OMPI_MCA_btl OMPI_ALLOW_RUN_AS_ROOT PMIX_MCA_gds PADDLE_HOME "
    "PADDLE_PDX_CACHE_HOME FLAGS_cudnn_deterministic MS_DEV_RUNTIME_CONF MS_ENABLE_LCCL JAX_PLATFORMS "
    "TF_CPP_MIN_LOG_LEVEL"
)


@pytest.mark.parametrize("launcher", OF_RANKS)
def test_a_rank_of_another_launch_is_forgotten(launcher: str) -> None:
    assert without_outer(dict.fromkeys(OF_RANKS[launcher].split(), "1")) == {}


@pytest.mark.parametrize("name", SETTINGS.split())
def test_settings_that_hold_for_any_launch_are_kept(name: str) -> None:
    assert without_outer({name: "1"}) == {name: "1"}
