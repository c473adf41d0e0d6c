"""Checkpoints of MMEngine read back, and nothing that could run code."""

import copy
import io
import os
import pickle
import zipfile
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, PretrainedInit
from mmengine.optim import OneCycleLR, OptimWrapper
from mmengine.runner import CheckpointLoader, Runner, checkpoint, load_checkpoint
from mmengine.runner.checkpoint import _load_checkpoint as read
from mmengine.utils.dl_utils import load_url
from torch.utils.data import Dataset


class _Numbers(Dataset):
    metainfo = {
        'sigmas': np.array([0.026, 0.025], dtype=np.float32),
        'flip': np.array([[1, 0]]).T,
        'names': {0: 'nose', 1: 'eye'},
        'swap': (np.array([True, False]), np.float64(0.5), {'a', 'b'}),
    }

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((3,), float(index))


class _Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def forward(self, *inputs, mode='tensor'):
        return {'loss': self.layer(torch.stack(inputs)).square().mean()}


def _runner(work_dir: Path, name: str, max_iters: int, **kwargs) -> Runner:
    return Runner(
        _Model(),
        str(work_dir),
        train_dataloader=dict(
            dataset=_Numbers(),
            sampler=dict(type='DefaultSampler', shuffle=True),
            batch_size=2,
        ),
        train_cfg=dict(by_epoch=False, max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=2),
            dict(type='OneCycleLR', eta_max=0.1, total_steps=9, by_epoch=False),
        ],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False)
        ),
        custom_hooks=[dict(type='EMAHook')] if max_iters > 1 else [],
        default_scope='mmengine',
        experiment_name=name,
        **kwargs,
    )


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> tuple[Runner, str, dict]:
    """A run of two iterations, its last checkpoint, and what was saved in it."""
    runner = _runner(tmp_path_factory.mktemp('run'), 'trained', 2)
    runner.train()
    path = os.path.join(runner.work_dir, 'iter_2.pth')
    return runner, path, torch.load(path, weights_only=False)


def assert_same(left, right) -> None:
    assert type(left) is type(right)
    if isinstance(left, HistoryBuffer):
        assert_same(left.data, right.data)
        assert left.max_length == right.max_length
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            assert_same(*pair)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        assert left.flags.writeable and left.flags.owndata
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    else:
        assert left == right


def test_a_run_reads_back_all_that_it_saved(trained):
    _, path, saved = trained
    loaded = read(path, map_location='cpu')
    assert_same(loaded, saved)
    assert {'meta', 'message_hub', 'optimizer', 'ema_state_dict'} <= set(loaded)
    logs = loaded['message_hub']['log_scalars']['train/loss']
    assert logs.statistics('mean') == pytest.approx(np.mean(logs.data[0]))


def test_a_run_resumes_from_its_checkpoint(trained, tmp_path):
    first, path, _ = trained
    resume = dict(load_from=path, resume=True)
    second = _runner(tmp_path, 'resumed', 2, **resume)
    second.train()
    assert second.iter == 2
    for part in ('model', 'optim_wrapper'):
        assert_same(*(getattr(run, part).state_dict() for run in (second, first)))
    for ours, theirs in zip(second.param_schedulers, first.param_schedulers, strict=True):
        assert_same(ours.state_dict(), theirs.state_dict())
    third = _runner(tmp_path, 'trained on', 3, **resume)
    third.train()
    assert third.iter == 3
    assert len(third.message_hub.get_scalar('train/loss').data[0]) == 3
    # What was resumed can be saved and read again.
    read(os.path.join(tmp_path, 'iter_3.pth'))


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The folder where PyTorch keeps what it downloads."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    folder = tmp_path / 'hub/checkpoints'
    folder.mkdir(parents=True)
    return folder


def test_every_way_into_mmengine_reads_a_run(trained, hub, tmp_path, monkeypatch):
    _, path, saved = trained
    model = _Model()
    load_checkpoint(model, path)
    assert_same(model.state_dict(), saved['state_dict'])
    runner = _runner(tmp_path, 'loaded', 1)
    runner.load_checkpoint(path)
    assert_same(runner.model.state_dict(), saved['state_dict'])
    torch.nn.init.zeros_(model.layer.weight)
    PretrainedInit(path)(model)
    assert_same(model.state_dict(), saved['state_dict'])
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
    (tmp_path / 'open_mmlab.json').write_text(f'{{"ours": "{path}"}}')
    (hub / 'run.pth').write_bytes(Path(path).read_bytes())
    for name in ('openmmlab://ours', path, 'https://nowhere.test/run.pth'):
        assert_same(CheckpointLoader.load_checkpoint(name), saved)
    store = type('Store', (), {'get': lambda self, name: Path(path).read_bytes()})()
    monkeypatch.setattr(checkpoint, 'get_file_backend', lambda *args, **kwargs: store)
    assert_same(CheckpointLoader.load_checkpoint('s3://bucket/run.pth'), saved)


def test_legacy_files_and_both_numpy_generations_are_read(trained, tmp_path):
    saved = trained[2]
    path = tmp_path / 'legacy.pth'
    torch.save(saved, path, _use_new_zipfile_serialization=False)
    assert_same(read(str(path)), saved)
    data = path.read_bytes()
    names = [b'numpy.core.multi', b'numpy._core.multi']
    here, there = names if names[0] in data else names[::-1]
    assert here in data
    path.write_bytes(data.replace(here, there))
    assert_same(read(str(path)), saved)


def test_plain_arrays_come_back_equal_and_shared(tmp_path):
    arrays = [
        np.arange(6.0).reshape(2, 3).T,
        np.array([1, 2], dtype='>i4'),
        np.array(['nose', 'eye']),
        np.array([b'ab', b'c']),
        np.zeros((0, 4), dtype=np.float16),
        np.array(1j),
        np.array([], dtype=bool),
    ]
    path = str(tmp_path / 'array.pth')
    dtypes = [array.dtype for array in arrays]
    torch.save(OrderedDict(a=[arrays, (arrays[0], 'x')], b=dtypes), path)
    loaded = read(path)
    assert_same(loaded['a'], [arrays, (arrays[0], 'x')])
    assert loaded['b'] == dtypes
    assert loaded['a'][0][0] is loaded['a'][1][0]


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_the_function_that_a_scheduler_keeps_is_read(tmp_path, strategy):
    optimizer = OptimWrapper(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1))
    scheduler = OneCycleLR(optimizer, eta_max=1.0, total_steps=5, anneal_strategy=strategy)
    path = str(tmp_path / 'scheduler.pth')
    torch.save(scheduler.state_dict(), path)
    assert read(path)['anneal_func'] is scheduler.anneal_func


def test_a_history_cannot_change_the_statistics_of_its_class(tmp_path):
    # The first buffer fills the class.
    buffer = HistoryBuffer([1.0], [1])
    methods = copy.copy(HistoryBuffer._statistics_methods)
    state = dict(buffer.__getstate__(), statistics_methods={'mean': 'forged'})
    path = str(tmp_path / 'forged.pth')
    forged = type('F', (), {'__reduce__': lambda self: (HistoryBuffer, (), state)})
    torch.save({'buffer': forged()}, path)
    assert read(path)['buffer'].mean() == 1.0
    assert HistoryBuffer._statistics_methods == methods


class _Call:
    """Pickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __call__(self):
        raise AssertionError('pickle only wants a callable')

    def __reduce__(self):
        return self.call


def _text(text: str) -> bytes:
    return b'X' + len(text).to_bytes(4, 'little') + text.encode()


def _attacks(canary: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would create a file, and the name each must be refused for."""
    touch = f'touch {canary}'
    code = f'open({str(canary)!r}, "w")'
    system = os.system.__module__ + '.system'
    history = b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
    get = b'\x80\x02c__builtin__\ngetattr\n'
    dtype = b'cnumpy\ndtype\n' + _text('f8') + b'\x89\x88\x87R'
    forged = b'(K\x03' + _text('<') + b'NNN' + b'J\xff\xff\xff\xff' * 2 + b'K?tb'
    objects = np.array([_Call(os.system, touch)], dtype=object)
    reduce = {
        'system': (_Call(os.system, touch), system),
        'eval': (_Call(eval, code), 'builtins.eval'),
        'partial': (_Call(_Call(partial, os.system), touch), 'functools.partial'),
        'nested': ({'a': [(1, {'b': _Call(exec, code)})]}, 'builtins.exec'),
        'torch': (_Call(torch.load, str(canary), None), 'torch.serialization.load'),
        'module': (torch.nn.Linear(1, 1), 'torch.nn.modules.linear.Linear'),
        'object array': (objects, "numpy.dtype('O8')"),
        'record array': (np.zeros(1, [('a', object)]), "numpy.dtype('V8')"),
        'getattr': (_Call(getattr, HistoryBuffer, '__init__'), "'__init__'"),
    }
    attacks = {k: (pickle.dumps(value, 2), name) for k, (value, name) in reduce.items()}
    chain = get + get[2:] + history + _text('__init__') + b'\x86R'
    return attacks | {
        'getattr chain': (chain + _text('__globals__') + b'\x86R.', "'__init__'"),
        'getattr of a result': (
            chain.replace(_text('__init__'), _text('mean'))
            + _text('__globals__')
            + b'\x86R.',
            'getattr(<function',
        ),
        'getattr of a tensor': (
            get + b'ctorch\nTensor\n' + _text('__init__') + b'\x86R.',
            "torch.Tensor'>, '__init__')",
        ),
        'stack global': (
            b'\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93' + _text(touch) + b'\x85R.',
            'posix.system',
        ),
        'stack global from the memo': (
            b'\x80\x04\x8c\x06system\x94\x8c\x05posix\x94h\x01h\x00\x93'
            + (_text(touch) + b'\x85R.'),
            'posix.system',
        ),
        'inst': (b'(' + _text(touch) + b'iposix\nsystem\n.', 'posix.system'),
        'obj': (b'(cposix\nsystem\n' + _text(touch) + b'o.', system),
        'forged dtype': (
            b'\x80\x02cnumpy.core.multiarray\nscalar\n'
            + (dtype + forged.replace(_text('<'), b'K\x07') + b'N\x86R.'),
            'numpy.dtype.__setstate__(7)',
        ),
        'array of objects by a number': (
            b'\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85'
            + (_text('b') + b'\x87R(K\x01K\x01\x85' + dtype + forged + b'\x89]tb.'),
            'numpy.ndarray.__setstate__',
        ),
        'reconstruct of another class': (
            b'\x80\x02cnumpy.core.multiarray\n_reconstruct\n'
            + (history + b'K\x00\x85' + _text('b') + b'\x87R.'),
            '_reconstruct',
        ),
    }


def _legacy(data: bytes) -> bytes:
    """Wrap a pickle the way PyTorch did before 1.6."""
    stream = io.BytesIO()
    torch.save(0, stream, _use_new_zipfile_serialization=False)
    whole, keys = stream.getvalue(), pickle.dumps([], 2)
    start = whole.removesuffix(pickle.dumps(0, 2) + keys)
    assert start != whole
    return start + data + keys


def _zip(data: bytes) -> bytes:
    stream = io.BytesIO()
    torch.save(0, stream)
    result = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(result, 'w') as new:
        for name in old.namelist():
            content = data if name.endswith('data.pkl') else old.read(name)
            new.writestr(name, content)
    return result.getvalue()


@pytest.mark.parametrize('attack', _attacks(Path('x')))
@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_what_could_run_code_is_refused_by_name(tmp_path, attack):
    canary = tmp_path / 'canary'
    data, name = _attacks(canary)[attack]
    for wrap in (_zip, _legacy):
        path = tmp_path / f'{wrap.__name__}.pth'
        path.write_bytes(wrap(data))
        with pytest.raises(pickle.UnpicklingError) as caught:
            read(str(path), map_location='cpu')
        for part in (str(path), name, 'weights_only=False'):
            assert part in str(caught.value)
        assert not canary.exists()


def test_the_attacks_run_where_nothing_guards(tmp_path):
    canary = tmp_path / 'canary'
    attacks = _attacks(canary)
    for name in ('system', 'eval', 'stack global', 'stack global from the memo', 'inst'):
        pickle.loads(attacks[name][0])
        assert canary.exists(), name
        canary.unlink()


@pytest.mark.parametrize(
    ('owner', 'args'),
    [
        (b'numpy\ndtype', _text('f8') + b'\x85'),
        (b'numpy\nndarray', b')'),
        (b'mmengine.logging.history_buffer\nHistoryBuffer', b')'),
        (b'mmengine.optim.scheduler.param_scheduler\nOneCycleParamScheduler', b')'),
    ],
    ids=['dtype', 'array', 'history', 'scheduler'],
)
def test_no_attribute_is_set_on_what_a_checkpoint_may_name(tmp_path, owner, args):
    # torch's own rebuild function sets any attribute of what another function returns.
    path = tmp_path / 'evil.pth'
    state = b'}' + _text('spec') + _text('O8') + b's'
    rebuild = b'\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n'
    path.write_bytes(
        _zip(rebuild + b'(' + (b'c' + owner + b'\n') * 2 + args + state + b'tR.')
    )
    with pytest.raises(RuntimeError, match='cannot be read'):
        read(str(path))


def test_a_downloaded_attack_is_refused(hub):
    canary = hub / 'canary'
    (hub / 'evil.pth').write_bytes(_zip(_attacks(canary)['system'][0]))
    with pytest.raises(pickle.UnpicklingError, match='nowhere.test/evil.pth.*system'):
        CheckpointLoader.load_checkpoint('https://nowhere.test/evil.pth')
    assert not canary.exists()


class _Allowed:
    pass


def test_what_the_user_allowed_is_read_but_not_the_true_getattr(tmp_path):
    path, evil = str(tmp_path / 'own.pth'), tmp_path / 'evil.pth'
    torch.save({'own': _Allowed()}, path)
    with pytest.raises(pickle.UnpicklingError, match='_Allowed'):
        read(path)
    evil.write_bytes(_zip(_attacks(tmp_path / 'canary')['getattr chain'][0]))
    with torch.serialization.safe_globals([_Allowed, getattr, np.dtype, OSError]):
        before = set(torch.serialization.get_safe_globals())
        assert type(read(path)['own']) is _Allowed
        with pytest.raises(pickle.UnpicklingError, match='__init__'):
            read(str(evil))
        assert set(torch.serialization.get_safe_globals()) == before


def test_torch_of_everybody_else_is_left_alone(trained):
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(trained[1], weights_only=True)
    assert checkpoint.torch.save is torch.save
    assert load_url is torch.hub.load_state_dict_from_url


def test_a_broken_file_a_folder_and_a_missing_file_are_named_in_the_error(
    trained, tmp_path
):
    data, path = Path(trained[1]).read_bytes(), tmp_path / 'broken.pth'
    for size in (0, -30):
        path.write_bytes(data[:size])
        with pytest.raises(RuntimeError, match='broken.pth cannot be read as a checkpoint'):
            read(str(path))
    for path in (tmp_path, tmp_path / 'missing.pth'):
        with pytest.raises(FileNotFoundError, match=str(path)):
            read(str(path))
