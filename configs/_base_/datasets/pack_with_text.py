# The end of a pipeline, instead of PackPoseInputs alone: its default keys and the words.
pack_with_text = [
    dict(type='AssignTextPrompt'),
    dict(
        type='PackPoseInputs',
        meta_keys=(
            'id',
            'img_id',
            'img_path',
            'category_id',
            'crowd_index',
            'ori_shape',
            'img_shape',
            'input_size',
            'input_center',
            'input_scale',
            'flip',
            'flip_direction',
            'flip_indices',
            'raw_ann_info',
            'dataset_name',
            'text_prompt',
            'scenario',
            'group',
        ),
    ),
]
